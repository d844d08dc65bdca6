package dev.trireme.worker.harm;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A shell that does something to the machine, holds it, and takes it back: when it is closed, when
 * {@code atMost} has passed, and when this process ends, however it ends, for then the shell's
 * standard input does. It ignores the signals that reach a whole terminal group. Only who kills
 * both this process and the shell outright can keep it from taking back; what that leaves is said
 * where a guard is used.
 *
 * <p>Threading: one thread. Blocking: {@link #hold} until the thing is done, at most {@value
 * #BEGIN_SECONDS} s; {@link #close} until it is taken back, at most {@value #END_SECONDS} s.
 */
final class Guard implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(Guard.class);
  static final int BEGIN_SECONDS = 60;
  static final int END_SECONDS = 10;
  private static final String HELD = "held";

  /** Beyond the time that its owner means to hold: it is to take back, not the shell. */
  private static final long MARGIN_SECONDS = 5;

  private static final String SCRIPT =
      """
      trap '' INT HUP TERM
      PATH=$PATH:/usr/sbin:/sbin
      on() {
        %s
      }
      off() {
        %s
      }
      on "$@" || { off "$@" 2>/dev/null; exit 1; }
      echo held
      timeout -s KILL "$1" cat | while read -r word; do
        kill "-$word" "$2"
      done
      off "$@"
      """;

  /**
   * What is done.
   *
   * @param on shell text that does it; its parameters are the arguments, from {@code $2} on
   * @param off shell text that takes it back, which must bear that {@code on} was done in part
   */
  record Deed(String on, String off, List<String> arguments) {
    Deed {
      arguments = List.copyOf(arguments);
    }
  }

  private final Deed deed;
  private final Process shell;
  private final OutputStream input;
  private final List<String> said = new ArrayList<>();

  private Guard(Deed deed, Process shell) {
    this.deed = deed;
    this.shell = shell;
    this.input = shell.getOutputStream();
  }

  /**
   * Does it; returns once it is done.
   *
   * @throws HarmRefusedException when it could not be done, with what was printed; nothing is left
   */
  static Guard hold(Deed deed, Duration atMost) throws HarmRefusedException, InterruptedException {
    List<String> command = new ArrayList<>();
    command.addAll(List.of("/bin/sh", "-c", SCRIPT.formatted(deed.on(), deed.off()), "sh"));
    command.add(String.valueOf(atMost.toSeconds() + 1 + MARGIN_SECONDS));
    command.addAll(deed.arguments());
    Guard guard;
    try {
      guard = new Guard(deed, new ProcessBuilder(command).redirectErrorStream(true).start());
    } catch (IOException e) {
      throw new HarmRefusedException("no shell could be started: " + e.getMessage());
    }
    boolean held = false;
    try {
      held = guard.awaitHeld();
    } finally {
      if (!held) {
        guard.close();
      }
    }
    if (!held) {
      throw new HarmRefusedException(
          guard.said.isEmpty() ? "it could not be done" : String.join("; ", guard.said));
    }
    return guard;
  }

  /** What was printed while it was done. */
  List<String> said() {
    return List.copyOf(said);
  }

  /** Sends a signal, by name as {@code STOP}, to the process whose number is the first argument. */
  void signal(String name) {
    try {
      input.write((name + "\n").getBytes(StandardCharsets.US_ASCII));
      input.flush();
    } catch (IOException e) {
      LOG.debug("a guard is gone before its time", e);
    }
  }

  boolean isHeld() {
    return shell.isAlive();
  }

  private boolean awaitHeld() throws InterruptedException {
    long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(BEGIN_SECONDS);
    StringBuilder line = new StringBuilder();
    try {
      while (System.nanoTime() < end) {
        boolean alive = shell.isAlive();
        while (shell.getInputStream().available() > 0) {
          int c = shell.getInputStream().read();
          if (c != '\n') {
            line.append((char) c);
          } else if (line.toString().equals(HELD)) {
            return true;
          } else {
            said.add(line.toString());
            line.setLength(0);
          }
        }
        if (!alive) {
          return false;
        }
        TimeUnit.MILLISECONDS.sleep(2);
      }
    } catch (IOException e) {
      said.add(e.toString());
    }
    said.add("it was not done within " + BEGIN_SECONDS + " s");
    return false;
  }

  @Override
  public void close() {
    boolean interrupted = Thread.interrupted();
    try {
      input.close();
    } catch (IOException e) {
      LOG.debug("a guard is gone before its time", e);
    }
    if (awaitExit(shell) != 0 && said.isEmpty()) {
      LOG.warn("a guard has not taken back what it held; it is done for it");
      try {
        takeBack();
      } catch (IOException e) {
        LOG.error("cannot take back: {}", deed.off(), e);
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }

  private void takeBack() throws IOException {
    List<String> command = new ArrayList<>();
    String text = "PATH=$PATH:/usr/sbin:/sbin\n" + deed.off();
    command.addAll(List.of("/bin/sh", "-c", text, "sh", "0"));
    command.addAll(deed.arguments());
    int code =
        awaitExit(
            new ProcessBuilder(command)
                .redirectErrorStream(true)
                .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                .start());
    LOG.info("taken back, exit code {}", code);
  }

  private static int awaitExit(Process process) {
    try {
      if (process.waitFor(END_SECONDS, TimeUnit.SECONDS)) {
        return process.exitValue();
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    process.destroyForcibly();
    return -1;
  }
}
