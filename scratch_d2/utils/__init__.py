"""What every floor uses: files, logs, devices, optional packages."""
