package naming

import "testing"

func TestLeaderIdentityIsMarkedOnce(t *testing.T) {
	t.Parallel()
	const existing = "lbc-7d4b_0f9a1c2e"
	marked := LeaderIdentity(existing)
	if marked != "lbc-7d4b_lbc-0f9a1c2e" || LeaderIdentity(marked) != marked {
		t.Errorf("%s, %s", marked, LeaderIdentity(marked))
	}
	if IsLeaderIdentity(existing) || !IsLeaderIdentity(marked) || IsLeaderIdentity("") {
		t.Error("the mark does not tell the two controllers apart")
	}
}
