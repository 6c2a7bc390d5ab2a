"""Dataset folders on disk: files, what is missing, COCO JSON, processes that fill them."""
