package dev.trireme.api.job;

/** How wrong a prediction is; written in lower case with dashes. */
public enum LossKind {
  CROSS_ENTROPY,
  MSE,
  L1,
  BCE_WITH_LOGITS
}
