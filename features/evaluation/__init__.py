"""A tenant's golden questions asked through the live service, and answers judged by their result sets."""
