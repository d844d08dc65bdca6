package dev.trireme.launcher.rank;

import dev.trireme.allreduce.Endpoint;
import dev.trireme.allreduce.nccl.NcclClaim;
import dev.trireme.allreduce.nccl.NcclUniqueId;
import java.util.HexFormat;
import java.util.Optional;

/**
 * What a rank tells the others before they meet over NCCL.
 *
 * @param id of the formation, from rank 0 alone
 * @param claim on what a failed formation has left this rank with
 * @param endpoint of the group beside NCCL's, where the formation spans hosts
 */
record NcclContact(
    Optional<NcclUniqueId> id, Optional<NcclClaim> claim, Optional<Endpoint> endpoint) {
  private static final String BETWEEN = ";";

  /** As one word, which {@link #parse} reads. */
  String text() {
    return id.map(i -> HexFormat.of().formatHex(i.bytes())).orElse("")
        + BETWEEN
        + claim.map(NcclClaim::text).orElse("")
        + BETWEEN
        + endpoint.map(Endpoint::text).orElse("");
  }

  /**
   * Reads {@link #text}.
   *
   * @throws IllegalArgumentException when it is none
   */
  static NcclContact parse(String text) {
    String[] parts = text.split(BETWEEN, -1);
    if (parts.length != 3) {
      throw new IllegalArgumentException(
          "expected an id, a claim and an endpoint, found '" + text + "'");
    }
    return new NcclContact(
        given(parts[0]).map(id -> new NcclUniqueId(HexFormat.of().parseHex(id))),
        given(parts[1]).map(NcclClaim::parse),
        given(parts[2]).map(Endpoint::parse));
  }

  private static Optional<String> given(String part) {
    return part.isEmpty() ? Optional.empty() : Optional.of(part);
  }
}
