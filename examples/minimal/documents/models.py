from django.contrib import admin
from django.contrib.auth.models import User
from django.db import models


class Document(models.Model):
    title = models.CharField(max_length=100)
    file = models.FileField()
    readers = models.ManyToManyField(User)

    def __str__(self):
        return self.title


admin.site.register(Document)
