package dev.trireme.launcher.control;

import com.fasterxml.jackson.databind.JsonNode;
import dev.trireme.launcher.control.ControlClient.RefusedException;
import dev.trireme.launcher.control.ControlClient.UnreachableException;
import dev.trireme.protocol.HarmKind;
import java.time.Duration;
import java.util.Locale;

/** One job, asked over HTTP. Every call blocks for seconds at most. */
public interface JobChannel {
  /**
   * What is in a file of lines from a byte on, whole lines only.
   *
   * @param next from where to go on
   */
  record Lines(String text, long next) {}

  /** How it stands. */
  JsonNode show() throws UnreachableException, RefusedException;

  /** Changes the number of ranks. */
  JsonNode scale(int workers) throws UnreachableException, RefusedException;

  /** Changes the number of servers. */
  JsonNode scaleServers(int servers) throws UnreachableException, RefusedException;

  /** Ends it, after a checkpoint where asked. */
  JsonNode cancel(boolean checkpoint) throws UnreachableException, RefusedException;

  /**
   * Harms it on purpose.
   *
   * @param rank whom
   * @param lasting how long, where it lasts
   * @param trial whether only to find out if it can be done
   * @return what was done
   * @throws RefusedException when it cannot be done, with the reason
   */
  JsonNode harm(HarmKind kind, int rank, Duration lasting, boolean trial)
      throws UnreachableException, RefusedException;

  /** What its events, or its metrics, tell from a byte on. */
  Lines lines(RunFile file, long offset) throws UnreachableException, RefusedException;

  /** The files of a run that others follow. */
  enum RunFile {
    EVENTS,
    METRICS;

    /** As requests call it. */
    public String word() {
      return name().toLowerCase(Locale.ROOT);
    }

    /** Its name in a run directory. */
    String fileName() {
      return word() + ".jsonl";
    }
  }
}
