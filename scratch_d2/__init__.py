"""scratch_d2: find scratches on printed text and judge every label Good or Bad, with Detectron2.

Importing the package loads nothing heavy; import what you use from its subpackages, which
follow the flow of the data: `data`, `gate`, `engines`, `inspection`, `evaluation`.
"""

__version__ = "0.1.0"
