package bindings

import (
	"context"
	"testing"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/targets/registrar"
)

func TestRecordThatFailsBlamesTheAPIServer(t *testing.T) {
	t.Parallel()
	for saving, want := range map[bool]diag.Code{true: diag.ObjectNotWritten, false: diag.ObjectsUnread} {
		err := &registrar.RecordError{Saving: saving, Err: context.DeadlineExceeded}
		if d := Problem(&v1beta1.TargetGroupBinding{}, "", err); d.Code != want {
			t.Errorf("saving %t: %s", saving, d.Code)
		}
	}
}
