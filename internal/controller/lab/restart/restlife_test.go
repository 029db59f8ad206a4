package restart

import (
	"testing"
	"time"

	"github.com/k8s-lbc/lbc/internal/controller/lab"
)

func TestAGatewayKeepsItsElasticAddressesAfterARestart(t *testing.T) {
	t.Parallel()
	l := lab.RestLab(t)
	l.Apply(lab.RestGateways)
	l.RestWait(5 * time.Minute)
	l.Restart()
	mark, from := l.Mark(), len(l.Events)
	l.RestWait(5 * time.Minute)
	if told := l.Troubles(from); len(told) > 0 {
		t.Errorf("told %v", told)
	}
	if writes := l.Writes(mark); len(writes) > 0 {
		t.Errorf("written %v", writes)
	}
}
