"""Labels of other programs: read into the folders of this package, and written from them.

One module for each format reads it into the values of `values`, and writes it where a person may
want to correct labels in it. `importing` turns the values into good/, bad/ and masks/; `exporting`
writes them.
"""
