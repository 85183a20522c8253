"""British English: https://docs.djangoproject.com/en/stable/topics/i18n/formatting/"""

DATETIME_FORMAT = "j M Y, H:i"
DATE_FORMAT = "j M Y"
TIME_FORMAT = "H:i"
