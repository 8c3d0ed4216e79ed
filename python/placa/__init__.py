"""placa: from a folder of chest radiographs to a trained model and an honest account of how well it works."""

__version__ = "0.1.0"
