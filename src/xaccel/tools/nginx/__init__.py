"""Generate the NGINX configuration of a site."""

from xaccel.tools.nginx.emit import Directive, Raw, emit
from xaccel.tools.nginx.probe import Nginx, probe
from xaccel.tools.nginx.render import Parts, render
from xaccel.tools.nginx.standalone import standalone

__all__ = ["Directive", "Nginx", "Parts", "Raw", "emit", "probe", "render", "standalone"]
