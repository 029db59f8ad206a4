package inventory

import (
	"testing"
	"time"

	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
)

func TestMarksAreOneOrder(t *testing.T) {
	t.Parallel()
	noon := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		m, need mark
		covers  bool
	}{
		"nothing was read":          {mark{}, mark{}, false},
		"anything will do":          {mark{1, noon}, mark{}, true},
		"from the same event on":    {mark{5, noon}, mark{5, noon}, true},
		"before the event":          {mark{4, noon}, mark{n: 5}, false},
		"before the time":           {mark{5, noon}, mark{at: noon.Add(1)}, false},
		"an earlier process had it": {mark{at: noon}, mark{}, false},
	} {
		if c.m.covers(c.need) != c.covers {
			t.Errorf("%s: %v", name, !c.covers)
		}
	}
}

func TestOlderTagsDoNotReplaceNewerOnes(t *testing.T) {
	t.Parallel()
	i := New(awsclient.Clients{}, Config{})
	read := func(begun mark) bool {
		i.keepTags(map[string]map[string]string{"arn": {"team": "web"}}, begun)
		return i.tags["arn"].known()
	}
	begun := i.begin()
	i.next()
	i.retag("arn", nil)
	if read(begun) {
		t.Error("a read that began before a write replaces what was written")
	}
	if !read(i.begin()) {
		t.Error("a read that began after the write does not count")
	}
	if i.retag("arn", map[string]string{"team": "data"}); i.tags["arn"].assumed() {
		t.Error("what this process wrote is taken for what an earlier process left")
	}
}
