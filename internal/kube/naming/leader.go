package naming

import "strings"

// leaderMark begins the id of a process in the identity with which it holds the Lease.
const leaderMark = "lbc-"

// LeaderIdentity marks the identity HOST_ID, in client-go's form, with which a process of this controller holds the
// Lease. The existing controller elects its leader by the same Lease without the mark, so users of LoadBalancer
// objects see which controller manages them.
func LeaderIdentity(identity string) string {
	host, id, ok := strings.Cut(identity, "_")
	if !ok || strings.HasPrefix(id, leaderMark) {
		return identity
	}
	return host + "_" + leaderMark + id
}

// IsLeaderIdentity reports whether an identity is that of a process of this controller.
func IsLeaderIdentity(identity string) bool {
	_, id, _ := strings.Cut(identity, "_")
	return strings.HasPrefix(id, leaderMark)
}
