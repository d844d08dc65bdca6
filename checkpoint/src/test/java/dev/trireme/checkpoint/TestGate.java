package dev.trireme.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;

import dev.trireme.api.checkpoint.CheckpointGate;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** Grants what every rank has announced, for the generation that is current. */
final class TestGate implements CheckpointGate {
  private final int worldSize;
  private final Map<List<Long>, Integer> written = new HashMap<>();
  private final List<Finished> finished = new ArrayList<>();
  private long currentGeneration = -1;
  private boolean refusing;
  private long calledOff = -1;

  record Finished(long generation, long step, Duration stall, long bytes, String failure) {}

  TestGate(int worldSize) {
    this.worldSize = worldSize;
  }

  synchronized void refuse() {
    refusing = true;
    notifyAll();
  }

  /** From now on only this generation gets a grant. */
  synchronized void current(long generation) {
    currentGeneration = generation;
    notifyAll();
  }

  /** This generation, and those before it, are known to be over. */
  synchronized void callOff(long generation) {
    calledOff = generation;
    notifyAll();
  }

  synchronized List<Finished> finished() {
    return List.copyOf(finished);
  }

  /** Waits until a checkpoint's end was told. */
  synchronized void awaitFinished() throws InterruptedException {
    long end = System.nanoTime() + Checkpoints.DEADLINE.toNanos();
    while (finished.isEmpty() && end - System.nanoTime() > 0) {
      wait(100);
    }
    assertThat(finished).isNotEmpty();
  }

  @Override
  public synchronized void shardWritten(long generation, long step) {
    written.merge(List.of(generation, step), 1, Integer::sum);
    notifyAll();
  }

  @Override
  public synchronized boolean awaitGrant(long generation, long step, Duration deadline) {
    long end = System.nanoTime() + deadline.toNanos();
    while (true) {
      boolean over = currentGeneration >= 0 && generation != currentGeneration;
      if (refusing || over || isOver(generation)) {
        return false;
      }
      if (written.getOrDefault(List.of(generation, step), 0) >= worldSize) {
        return true;
      }
      long left = (end - System.nanoTime()) / 1_000_000;
      if (left <= 0) {
        return false;
      }
      try {
        wait(left);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        return false;
      }
    }
  }

  @Override
  public synchronized boolean isOver(long generation) {
    return generation <= calledOff;
  }

  @Override
  public synchronized void finished(
      long generation, long step, Duration stall, Duration write, long bytes, String failure) {
    finished.add(new Finished(generation, step, stall, bytes, failure));
    notifyAll();
  }
}
