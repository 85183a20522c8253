"""Pages and downloads."""

from portal.files.views.delivery import deliver
from portal.files.views.locked_out import locked_out
from portal.files.views.my_downloads import MyDownloads
from portal.files.views.my_files import MyFiles
from portal.files.views.refused_form import refused_form
from portal.files.views.statistics import Statistics

__all__ = ["MyDownloads", "MyFiles", "Statistics", "deliver", "locked_out", "refused_form"]
