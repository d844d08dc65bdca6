package dev.trireme.launcher.control;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;

/** A directory that somebody else fills meanwhile: files come under one name and get another. */
public final class Busy {
  private static final int FILES = 20;

  private Busy() {}

  /** What is done meanwhile. */
  @FunctionalInterface
  public interface Work {
    /** Does it. */
    void run() throws Exception;
  }

  /** Does something while another thread fills a directory, from its first files on. */
  public static void meanwhile(Path directory, Work work) throws Exception {
    Files.createDirectories(directory);
    CountDownLatch begun = new CountDownLatch(1);
    AtomicBoolean ended = new AtomicBoolean();
    AtomicReference<IOException> failure = new AtomicReference<>();
    Thread thread =
        new Thread(
            () -> {
              try {
                while (!ended.get()) {
                  fill(directory);
                  begun.countDown();
                }
              } catch (IOException e) {
                failure.set(e);
              }
            },
            "busy");
    thread.setDaemon(true);
    thread.start();
    try {
      assertThat(begun.await(60, TimeUnit.SECONDS)).isTrue();
      work.run();
    } finally {
      ended.set(true);
      thread.join(TimeUnit.SECONDS.toMillis(60));
    }
    assertThat(thread.isAlive()).isFalse();
    assertThat(failure.get()).isNull();
  }

  private static void fill(Path directory) throws IOException {
    for (int i = 0; i < FILES; i++) {
      Path part = Files.writeString(directory.resolve(i + ".part"), "x");
      Files.move(part, directory.resolve("file-" + i), StandardCopyOption.ATOMIC_MOVE);
    }
  }
}
