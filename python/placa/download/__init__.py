"""Public data sets, fetched from where their makers put them: whole, verified, resumed after a break."""

from placa.download.nih import download_nih
from placa.download.remote import Edition, RemoteFile

__all__ = ["Edition", "RemoteFile", "download_nih"]
