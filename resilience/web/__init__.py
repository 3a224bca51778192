"""What a web app shows and answers, without any framework."""
