FLASK_APP=src.app:create_app
