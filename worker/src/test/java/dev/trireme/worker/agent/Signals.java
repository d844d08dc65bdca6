package dev.trireme.worker.agent;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.util.concurrent.TimeUnit;

/** Sends signals as a terminal or an operator would. */
final class Signals {
  private Signals() {}

  static void send(String name, long pid) {
    try {
      Process kill = new ProcessBuilder("kill", "-" + name, Long.toString(pid)).start();
      assertThat(kill.waitFor(5, TimeUnit.SECONDS)).isTrue();
      assertThat(kill.exitValue()).isZero();
    } catch (IOException | InterruptedException e) {
      throw new AssertionError("cannot send SIG" + name, e);
    }
  }
}
