"""Both kinds of views. A project needs only one."""

from django.urls import path

from . import async_views, views


urlpatterns = [
    path("cognito-token", views.CognitoToken.as_view()),
    path("aws-credentials", views.AwsCredentials.as_view()),
    path("health", views.health),
    path("async/cognito-token", async_views.CognitoToken.as_view()),
    path("async/aws-credentials", async_views.AwsCredentials.as_view()),
    path("async/health", async_views.health),
]
