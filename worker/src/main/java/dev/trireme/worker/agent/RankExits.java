package dev.trireme.worker.agent;

import dev.trireme.worker.channel.ExitCode;
import java.util.Map;

/** Says for people how a rank's process ended. */
final class RankExits {
  private static final int SIGNAL_BASE = 128;
  private static final Map<Integer, String> SIGNALS =
      Map.ofEntries(
          Map.entry(1, "SIGHUP"),
          Map.entry(2, "SIGINT"),
          Map.entry(3, "SIGQUIT"),
          Map.entry(4, "SIGILL"),
          Map.entry(6, "SIGABRT"),
          Map.entry(7, "SIGBUS"),
          Map.entry(8, "SIGFPE"),
          Map.entry(9, "SIGKILL"),
          Map.entry(11, "SIGSEGV"),
          Map.entry(15, "SIGTERM"));

  private RankExits() {}

  /**
   * @param code as Java gives it: 128 + n when signal n ended the process
   */
  static String describe(int code) {
    return switch (code) {
      case 0 -> "exit code 0";
      case 3 -> "out of memory (exit code 3)";
      case ExitCode.BAD_BOOTSTRAP -> "could not read its bootstrap (exit code " + code + ")";
      case ExitCode.AGENT_LOST -> "ended itself, its agent gone (exit code " + code + ")";
      case ExitCode.CHANNEL_LOST ->
          "ended itself, the channel to its agent lost (exit code " + code + ")";
      case SIGNAL_BASE + 4, SIGNAL_BASE + 6, SIGNAL_BASE + 7, SIGNAL_BASE + 8, SIGNAL_BASE + 11 ->
          "killed by " + SIGNALS.get(code - SIGNAL_BASE) + " (a crash in native code)";
      case SIGNAL_BASE + 9 ->
          "killed by SIGKILL (by somebody, or by the kernel when memory ran out)";
      default ->
          code > SIGNAL_BASE ? "killed by " + signal(code - SIGNAL_BASE) : "exit code " + code;
    };
  }

  private static String signal(int number) {
    return SIGNALS.getOrDefault(number, "signal " + number);
  }
}
