"""Fine-tuning ResNet50 for look-alikes: triplet loss, classification, and both at once."""
