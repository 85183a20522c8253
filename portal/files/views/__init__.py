"""Pages and downloads."""

from portal.files.views.archive import archive
from portal.files.views.delivery import deliver
from portal.files.views.failed import failed
from portal.files.views.favicon import favicon
from portal.files.views.locked_out import locked_out
from portal.files.views.my_downloads import MyDownloads
from portal.files.views.my_files import MyFiles
from portal.files.views.preview import begun, preview
from portal.files.views.refused_form import refused_form
from portal.files.views.sign_in import SignIn
from portal.files.views.statistics import Statistics
from portal.files.views.upload import upload

__all__ = [
    "MyDownloads",
    "MyFiles",
    "SignIn",
    "Statistics",
    "archive",
    "begun",
    "deliver",
    "failed",
    "favicon",
    "locked_out",
    "preview",
    "refused_form",
    "upload",
]
