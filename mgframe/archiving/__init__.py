"""Kept history: tables that outlive Mailgun's retention, and give frames like the API."""
