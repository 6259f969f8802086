"""What the operators and sensors for hand-written DAGs are made of."""
