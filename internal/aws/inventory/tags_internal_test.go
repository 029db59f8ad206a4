package inventory

import (
	"testing"

	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/lib/order"
)

func TestOlderTagsDoNotReplaceNewerOnes(t *testing.T) {
	t.Parallel()
	i := New(awsclient.Clients{}, Config{})
	read := func(begun order.Mark) bool {
		i.keepTags(map[string]map[string]string{"arn": {"team": "web"}}, begun)
		return i.tags["arn"].known()
	}
	begun := i.begin()
	i.history.Next()
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
