package dev.trireme.allreduce.plan;

import java.util.ArrayList;
import java.util.List;
import java.util.function.IntConsumer;
import java.util.stream.IntStream;

/** Plans that are no algorithms of their own, and pieces of plans. */
public final class Plans {
  private Plans() {}

  /**
   * Copies {@code count} elements of {@code root} to every other rank.
   *
   * @param staged whether the root must first put them where the others can address them
   */
  public static List<Step> broadcast(
      int rank, int worldSize, int root, long count, boolean staged) {
    List<Step> steps = new ArrayList<>();
    if (rank != root) {
      if (staged) {
        steps.add(new Step.Await(root, 1));
      }
      steps.add(new Step.Copy(root, 0, count));
      steps.add(new Step.Tell(root, 2));
      return List.copyOf(steps);
    }
    if (staged) {
      steps.add(new Step.Load(0, count));
      everyPeer(rank, worldSize, peer -> steps.add(new Step.Tell(peer, 1)));
    }
    everyPeer(rank, worldSize, peer -> steps.add(new Step.Await(peer, 2)));
    return List.copyOf(steps);
  }

  /**
   * The same plan for buffers that peers cannot address: every rank first puts its elements where
   * they can, and fetches them in the end. The plan's own stages come one later.
   */
  public static List<Step> staged(List<Step> plan, int rank, int worldSize, long count) {
    List<Step> steps = new ArrayList<>();
    steps.add(new Step.Load(0, count));
    rendezvous(steps, rank, worldSize, 1);
    for (Step step : plan) {
      if (step instanceof Step.Tell tell) {
        steps.add(new Step.Tell(tell.peer(), tell.stage() + 1));
      } else if (step instanceof Step.Await await) {
        steps.add(new Step.Await(await.peer(), await.stage() + 1));
      } else {
        steps.add(step);
      }
    }
    steps.add(new Step.Store(0, count));
    return List.copyOf(steps);
  }

  /** Tells every peer that this rank has reached {@code stage} and awaits the same of them. */
  static void rendezvous(List<Step> steps, int rank, int worldSize, int stage) {
    everyPeer(rank, worldSize, peer -> steps.add(new Step.Tell(peer, stage)));
    everyPeer(rank, worldSize, peer -> steps.add(new Step.Await(peer, stage)));
  }

  private static void everyPeer(int rank, int worldSize, IntConsumer action) {
    IntStream.range(0, worldSize).filter(peer -> peer != rank).forEach(action);
  }
}
