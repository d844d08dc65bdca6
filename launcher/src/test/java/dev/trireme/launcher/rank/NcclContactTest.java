package dev.trireme.launcher.rank;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.trireme.allreduce.Endpoint;
import dev.trireme.allreduce.nccl.NcclClaim;
import dev.trireme.allreduce.nccl.NcclUniqueId;
import dev.trireme.protocol.RankReport;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class NcclContactTest {
  @Test
  void shouldReadItsOwnTextWhateverItHolds() {
    byte[] bytes = new byte[NcclUniqueId.BYTES];
    bytes[7] = -1;
    Optional<NcclUniqueId> id = Optional.of(new NcclUniqueId(bytes));
    Optional<NcclClaim> claim = Optional.of(new NcclClaim(7, 1, 3));
    Optional<Endpoint> here = Optional.of(new Endpoint("h", "[fe80::1]:41234", 1500, 41235));
    for (NcclContact contact :
        new NcclContact[] {
          new NcclContact(id, claim, here),
          new NcclContact(id, Optional.empty(), Optional.empty()),
          new NcclContact(Optional.empty(), claim, Optional.empty()),
          new NcclContact(Optional.empty(), Optional.empty(), here),
          new NcclContact(Optional.empty(), Optional.empty(), Optional.empty())
        }) {
      assertThat(NcclContact.parse(contact.text())).isEqualTo(contact);
      assertThat(contact.text()).hasSizeLessThan(RankReport.Contact.MAX_CHARACTERS);
    }
    assertThatThrownBy(() -> NcclContact.parse(";")).isInstanceOf(IllegalArgumentException.class);
  }
}
