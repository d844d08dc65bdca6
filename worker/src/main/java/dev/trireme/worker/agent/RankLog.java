package dev.trireme.worker.agent;

import java.io.BufferedOutputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Takes what one process prints, line by line, into its log file. Until the process has a rank and
 * so a file, lines are kept in memory, the newest up to a bound. The file is bounded too: when it
 * is full it becomes {@code FILE.1} and a new one begins.
 *
 * <p>A process whose pipe nobody empties stops; so the pump goes on whatever becomes of the file.
 *
 * <p>Threading: any; the pump has a thread of its own, which ends with the process's output.
 */
final class RankLog {
  /** A log file's bound; with its predecessor a rank's log takes at most twice that. */
  static final long MAX_FILE_BYTES = 64L << 20;

  private static final Logger LOG = LoggerFactory.getLogger(RankLog.class);
  private static final int MAX_LINE = 8192;
  private static final int EARLY_LINES = 1000;

  private final LogTail tail = new LogTail();
  private final Deque<byte[]> early = new ArrayDeque<>();
  private final CompletableFuture<Void> ended = new CompletableFuture<>();
  private long earlyDropped;
  private Path file;
  private OutputStream out;
  private long written;

  /** Starts taking lines from {@code input}, on a thread of this name. */
  void pump(InputStream input, String threadName) {
    Thread thread = new Thread(() -> takeAll(input), threadName);
    thread.setDaemon(true);
    thread.start();
  }

  /** Done when the process's output has ended and everything is in the file. */
  CompletableFuture<Void> ended() {
    return ended;
  }

  /** The last lines, for {@code RankExit}. */
  synchronized List<String> lastLines() {
    return tail.lines();
  }

  /**
   * Says where the lines go from now on, those kept so far included.
   *
   * @throws IOException when the file cannot be made; lines are kept as before
   */
  synchronized void assign(Path newFile) throws IOException {
    Files.createDirectories(newFile.getParent());
    out = open(newFile);
    file = newFile;
    written = Files.size(newFile);
    if (earlyDropped > 0) {
      write((earlyDropped + " earlier lines were dropped").getBytes(StandardCharsets.UTF_8));
    }
    early.forEach(this::write);
    early.clear();
    flush();
    if (ended.isDone()) {
      closeFile();
    }
  }

  private void takeAll(InputStream input) {
    byte[] chunk = new byte[MAX_LINE];
    ByteArrayOutputStream line = new ByteArrayOutputStream();
    try {
      for (int n = input.read(chunk); n >= 0; n = input.read(chunk)) {
        takeChunk(chunk, n, line);
      }
    } catch (IOException e) {
      LOG.debug("a rank's output ended with an error", e);
    }
    synchronized (this) {
      if (line.size() > 0) {
        take(line);
      }
      closeFile();
    }
    ended.complete(null);
  }

  private synchronized void takeChunk(byte[] chunk, int length, ByteArrayOutputStream line) {
    for (int i = 0; i < length; i++) {
      if (chunk[i] == '\n' || line.size() == MAX_LINE) {
        take(line);
      }
      if (chunk[i] != '\n' && chunk[i] != '\r') {
        line.write(chunk[i]);
      }
    }
    flush();
  }

  private void take(ByteArrayOutputStream line) {
    byte[] bytes = line.toByteArray();
    line.reset();
    tail.add(new String(bytes, StandardCharsets.UTF_8));
    if (out != null) {
      write(bytes);
    } else if (file == null) {
      if (early.size() == EARLY_LINES) {
        early.removeFirst();
        earlyDropped++;
      }
      early.add(bytes);
    }
  }

  private void write(byte[] line) {
    if (out == null) {
      return;
    }
    try {
      out.write(line);
      out.write('\n');
      written += line.length + 1L;
      if (written >= MAX_FILE_BYTES) {
        roll();
      }
    } catch (IOException e) {
      giveUp(e);
    }
  }

  private void roll() throws IOException {
    out.close();
    Files.move(
        file, file.resolveSibling(file.getFileName() + ".1"), StandardCopyOption.REPLACE_EXISTING);
    out = open(file);
    written = 0;
  }

  private void flush() {
    if (out != null) {
      try {
        out.flush();
      } catch (IOException e) {
        giveUp(e);
      }
    }
  }

  private void giveUp(IOException e) {
    LOG.error("cannot write {} any more ({}): the rank goes on without a log", file, e.toString());
    closeFile();
  }

  private void closeFile() {
    if (out != null) {
      try {
        out.close();
      } catch (IOException e) {
        LOG.debug("closing {}", file, e);
      }
      out = null;
    }
  }

  private static OutputStream open(Path file) throws IOException {
    return new BufferedOutputStream(
        Files.newOutputStream(file, StandardOpenOption.CREATE, StandardOpenOption.APPEND));
  }
}
