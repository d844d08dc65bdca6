package dev.trireme.coordinator.schedule;

import dev.trireme.api.job.CompressionSpec;
import dev.trireme.api.job.JobSpec;
import dev.trireme.api.job.ParallelSpec.BackendKind;
import dev.trireme.api.job.ParallelSpec.DeviceKind;
import dev.trireme.coordinator.schedule.SchedulingDecision.Placement;
import dev.trireme.protocol.Backing;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Decides what the ranks of a formation compute on and what carries their gradients. Pure.
 *
 * <ul>
 *   <li>A job that leaves the device open computes on CUDA devices where every host of the
 *       formation has announced at least one, and on the CPU elsewhere. Once it has state on a
 *       device it stays with that kind.
 *   <li>A job that leaves the backend open gets NCCL where every rank has a CUDA device of its own,
 *       NCCL has not refused to start for this job before, and the job asks for nothing that only
 *       the host does; else Aeron, with gradients that travel through the host's memory. Ranks that
 *       share a device get NCCL only where it is told to let them and the job asks for it by name.
 *   <li>What a job asks for by name and cannot have ends it with the reason.
 * </ul>
 *
 * <p>Cost: O(hosts).
 */
public final class Backings {
  private static final String ON_CPU = "NCCL is for CUDA devices, and the ranks compute on the CPU";

  private Backings() {}

  /**
   * What an agent has announced.
   *
   * @param host its name
   * @param devices how many
   * @param none why there are none; empty when there are
   */
  public record HostDevices(String host, int devices, String none) {}

  /**
   * All that the decision depends on.
   *
   * @param placements of the formation
   * @param hosts by agent
   * @param before what the job's formation before was backed by
   * @param refused why NCCL could not start for this job before
   * @param nccl what NCCL's ranks compute on here
   * @param granted what slots its ranks were given; {@code AUTO} where nothing was said
   */
  public record Situation(
      JobSpec job,
      List<Placement> placements,
      Map<String, HostDevices> hosts,
      Optional<DeviceKind> before,
      Optional<String> refused,
      NcclDevices nccl,
      DeviceKind granted) {
    /** Where nothing was said about slots. */
    public Situation(
        JobSpec job,
        List<Placement> placements,
        Map<String, HostDevices> hosts,
        Optional<DeviceKind> before,
        Optional<String> refused,
        NcclDevices nccl) {
      this(job, placements, hosts, before, refused, nccl, DeviceKind.AUTO);
    }

    public Situation {
      placements = List.copyOf(placements);
      hosts = Map.copyOf(hosts);
    }
  }

  /** The outcome. */
  public sealed interface Ruling {}

  /** The formation is backed by this. */
  public record Chosen(Backing backing) implements Ruling {}

  /** It cannot be backed by what the job asks for. */
  public record Impossible(String reason) implements Ruling {}

  private record Reasoned<T>(T choice, String reason) {}

  /** Decides. */
  public static Ruling decide(Situation now) {
    Optional<String> lacking = lacking(now);
    DeviceKind asked = now.job().parallel().device();
    if (lacking.isPresent() && asked == DeviceKind.CUDA) {
      return new Impossible("parallel.device: cuda: " + lacking.get());
    }
    Reasoned<DeviceKind> device = device(now, asked, lacking);
    BackendKind backend = now.job().parallel().backend();
    Optional<String> hindrance = hindrance(now, device.choice(), backend);
    if (backend == BackendKind.NCCL && hindrance.isPresent()) {
      return new Impossible("parallel.backend: nccl: " + hindrance.get());
    }
    String first = device.reason() + "; ";
    return new Chosen(
        switch (backend) {
          case AERON ->
              new Backing(device.choice(), BackendKind.AERON, first + "parallel.backend is aeron");
          case NCCL ->
              new Backing(device.choice(), BackendKind.NCCL, first + "parallel.backend is nccl");
          case AUTO ->
              hindrance
                  .map(
                      why ->
                          new Backing(
                              device.choice(),
                              BackendKind.AERON,
                              why.equals(ON_CPU)
                                  ? first + "Aeron carries gradients between CPUs"
                                  : first + "Aeron: " + why))
                  .orElseGet(
                      () ->
                          new Backing(
                              device.choice(),
                              BackendKind.NCCL,
                              first + "NCCL: every rank has a device of its own"));
        });
  }

  private static Reasoned<DeviceKind> device(
      Situation now, DeviceKind asked, Optional<String> lacking) {
    if (asked != DeviceKind.AUTO) {
      String word = asked == DeviceKind.CUDA ? "cuda" : "cpu";
      return new Reasoned<>(asked, "on " + word + " as parallel.device says");
    }
    if (now.before().isPresent()) {
      return new Reasoned<>(now.before().get(), "on what it has computed on before");
    }
    if (now.job().parallel().servers() > 0) {
      return new Reasoned<>(
          DeviceKind.CPU, "on the CPU, where the parameter server's exchange works");
    }
    if (now.job().train().elastic()) {
      return new Reasoned<>(
          DeviceKind.CPU, "on the CPU, for train.deterministic: elastic holds there alone");
    }
    if (compresses(now)) {
      return new Reasoned<>(DeviceKind.CPU, "on the CPU, where alone parallel.compression works");
    }
    if (lacking.isEmpty() && now.granted() == DeviceKind.CPU) {
      return new Reasoned<>(
          DeviceKind.CPU, "on the CPU: the cluster has fewer CUDA slots than it needs");
    }
    return lacking
        .map(why -> new Reasoned<>(DeviceKind.CPU, "on the CPU: " + why))
        .orElseGet(
            () -> new Reasoned<>(DeviceKind.CUDA, "on cuda: every host has announced devices"));
  }

  private static boolean compresses(Situation now) {
    return !(now.job().parallel().compression() instanceof CompressionSpec.None);
  }

  /** The first host without a device; empty when all have one. */
  private static Optional<String> lacking(Situation now) {
    return now.placements().stream()
        .map(p -> hostOf(now, p))
        .filter(h -> h.devices() == 0)
        .map(
            h -> "no CUDA device on host " + h.host() + (h.none().isEmpty() ? "" : ": " + h.none()))
        .findFirst();
  }

  /** Why NCCL cannot be; empty when it can. */
  private static Optional<String> hindrance(Situation now, DeviceKind device, BackendKind backend) {
    if (now.refused().isPresent()) {
      return now.refused();
    }
    if (compresses(now)) {
      return Optional.of("parallel.compression works on the host");
    }
    if (now.job().train().elastic()) {
      return Optional.of("train.deterministic: elastic needs the host's order of sums");
    }
    if (now.nccl() == NcclDevices.HOST) {
      return Optional.empty();
    }
    if (device != DeviceKind.CUDA) {
      return Optional.of(ON_CPU);
    }
    boolean shares = now.nccl() == NcclDevices.SHARED && backend == BackendKind.NCCL;
    return now.placements().stream()
        .filter(p -> (shares ? 1 : p.ranks().size()) > hostOf(now, p).devices())
        .map(
            p ->
                p.ranks().size()
                    + " ranks share "
                    + count(hostOf(now, p).devices())
                    + " of host "
                    + hostOf(now, p).host()
                    + ", and NCCL needs one for each")
        .findFirst();
  }

  private static String count(int devices) {
    return devices == 1 ? "the 1 CUDA device" : "the " + devices + " CUDA devices";
  }

  private static HostDevices hostOf(Situation now, Placement placement) {
    return now.hosts()
        .getOrDefault(
            placement.agentId(),
            new HostDevices(placement.agentId(), 0, "its agent has just left"));
  }
}
