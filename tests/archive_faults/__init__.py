"""What an archive must survive: kills, faults of the API and the disk, and a year of days."""
