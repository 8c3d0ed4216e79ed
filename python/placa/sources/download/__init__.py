"""Public data sets, fetched from where their makers put them: whole, verified, resumed after a break."""

from placa.sources.download.nih import download_nih
from placa.sources.download.remote import Edition, RemoteFile

__all__ = ["Edition", "RemoteFile", "download_nih"]
