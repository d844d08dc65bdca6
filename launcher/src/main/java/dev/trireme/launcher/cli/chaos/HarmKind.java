package dev.trireme.launcher.cli.chaos;

/** What is done to a rank. */
enum HarmKind {
  /** SIGKILL. */
  KILL,
  /** SIGSTOP, and SIGCONT a while later. */
  FREEZE,
  /** Stopped and let go in turn, ten times a second, for a while. */
  SLOW
}
