package dev.trireme.allreduce.transport;

/** What a signal between two ranks says. */
public enum SignalKind {
  /** I am here; first = process id, second = 1 when I have heard you. Only while joining. */
  HELLO,
  /** I have started this operation; first = where my buffer is, second = what operation. */
  READY,
  /** I have reached a stage of this operation; first = stage. */
  STAGE,
  /** I am alive; operation = how many I have completed, first = how many I have in flight. */
  HEARTBEAT,
  /** I have given the group up; first = cause, second = suspect; text = verdict. */
  FAILED,
  /** I have closed the group and shall say no more; first = where my bytes for you end. */
  LEFT,
  /** I have heard that you go, and have read all that you wrote. Only between hosts. */
  SEEN,
  /** Bytes for you lie in a slot of my memory; first = slot, length and phase, second = offset. */
  PARCEL,
  /** I have emptied the oldest full slot of your memory. */
  RECEIPT,
  /** A message for you; operation = tag and number, first = where it is, second = what it is. */
  OFFER,
  /** Send me this message; operation = its number. */
  WANT,
  /** I have read this message out of your memory; operation = its number. */
  FETCHED
}
