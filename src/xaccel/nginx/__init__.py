"""Generate the NGINX configuration of a site."""

from xaccel.nginx.emit import Directive, Raw, emit
from xaccel.nginx.probe import Nginx, probe
from xaccel.nginx.render import Parts, render
from xaccel.nginx.standalone import standalone

__all__ = ["Directive", "Nginx", "Parts", "Raw", "emit", "probe", "render", "standalone"]
