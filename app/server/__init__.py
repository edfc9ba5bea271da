"""What stands between the page and the machine: requests, files, a lent GPU."""
