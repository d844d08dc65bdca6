package dev.trireme.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;

import dev.trireme.checkpoint.storage.WriteBoundary;
import java.io.IOException;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/** Holds the writer at one boundary until it is let go; only the first time. */
final class Hold implements WriteProbe {
  private final WriteBoundary boundary;
  private final CountDownLatch reached = new CountDownLatch(1);
  private final CountDownLatch released = new CountDownLatch(1);

  Hold(WriteBoundary boundary) {
    this.boundary = boundary;
  }

  @Override
  public void before(WriteBoundary at) throws IOException {
    if (at != boundary || reached.getCount() == 0) {
      return;
    }
    reached.countDown();
    try {
      released.await();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IOException("interrupted");
    }
  }

  void awaitReached() throws InterruptedException {
    assertThat(reached.await(30, TimeUnit.SECONDS)).isTrue();
  }

  void release() {
    released.countDown();
  }
}
