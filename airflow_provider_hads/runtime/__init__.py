"""The doing side: carries out what the controller decides, and brings back what it needs to see."""
