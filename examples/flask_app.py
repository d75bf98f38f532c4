"""
Cognito tokens for the users of a Flask application.

    gunicorn --worker-class gthread --threads 16 flask_app:app
"""

from flask import Flask, Response, abort, jsonify, request

from cognito_devtoken.flask import current_session, init_app, register_error_handlers


app = Flask(__name__)
init_app(app)
register_error_handlers(app)


def current_user() -> str:
    # Your own sign-in goes here. This one accepts everyone.
    return request.headers.get("X-User") or abort(401)


@app.post("/cognito-token")
def cognito_token() -> Response:
    """Return the token that the user's app exchanges for AWS credentials."""
    response = jsonify(current_session().get_token(current_user()).to_aws())
    response.cache_control.no_store = True
    return response


@app.post("/aws-credentials")
def aws_credentials() -> Response:
    """Return AWS credentials to an app that does not exchange the token itself."""
    response = jsonify(current_session().get_credentials(current_user()).to_js())
    response.cache_control.no_store = True
    return response


@app.get("/health")
def health() -> Response:
    """Return 200 as long as this host responds. The body says how the calls to Cognito went."""
    return jsonify(current_session().health().to_dict())
