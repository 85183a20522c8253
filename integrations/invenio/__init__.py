"""The files of InvenioRDM: invenio-files-rest with invenio-s3."""
