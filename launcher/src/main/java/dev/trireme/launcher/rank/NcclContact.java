package dev.trireme.launcher.rank;

import dev.trireme.allreduce.nccl.NcclClaim;
import dev.trireme.allreduce.nccl.NcclUniqueId;
import java.util.HexFormat;
import java.util.Optional;

/**
 * What a rank tells the others before they meet over NCCL.
 *
 * @param id of the formation, from rank 0 alone
 * @param claim on what a failed formation has left this rank with
 */
record NcclContact(Optional<NcclUniqueId> id, Optional<NcclClaim> claim) {
  private static final String BETWEEN = ";";

  /** As one word, which {@link #parse} reads. */
  String text() {
    return id.map(i -> HexFormat.of().formatHex(i.bytes())).orElse("")
        + BETWEEN
        + claim.map(NcclClaim::text).orElse("");
  }

  /**
   * Reads {@link #text}.
   *
   * @throws IllegalArgumentException when it is none
   */
  static NcclContact parse(String text) {
    int between = text.indexOf(BETWEEN);
    if (between < 0) {
      throw new IllegalArgumentException("expected an id and a claim, found '" + text + "'");
    }
    String id = text.substring(0, between);
    String claim = text.substring(between + 1);
    return new NcclContact(
        id.isEmpty()
            ? Optional.empty()
            : Optional.of(new NcclUniqueId(HexFormat.of().parseHex(id))),
        claim.isEmpty() ? Optional.empty() : Optional.of(NcclClaim.parse(claim)));
  }
}
