package registrar

import (
	"maps"
	"testing"
	"time"

	"github.com/aws/smithy-go"
)

func TestUnreadGroupGetsOnlyWhatChangesSinceTheStart(t *testing.T) {
	t.Parallel()
	h := newHanging("1", "2", "old")
	r, c, progress := asyncRegistry(h, false)
	asking(t, r, of("1", "2", "lost"))
	h.expect(t, "read")
	for range 3 {
		c.Advance(time.Hour)
		if change := asking(t, r, of("1", "2", "lost")); len(h.sent) > 0 || change.Registered > 0 {
			t.Fatalf("%+v, sent %s", change, <-h.sent)
		}
	}
	if n, _ := r.Waiting(); n != 0 || r.Expected(tg).Registered {
		t.Errorf("%d targets wait, expected %+v", n, r.Expected(tg))
	}
	asking(t, r, of("1", "lost", "3"))
	h.expect(t, "DeregisterTargets 2", "RegisterTargets 3")
	h.answer("DeregisterTargets 2", nil)
	h.answer("RegisterTargets 3", nil)
	<-progress
	<-progress
	asking(t, r, of("1", "2", "lost", "3")) // it is back
	h.expect(t, "RegisterTargets 2")
	h.answer("RegisterTargets 2", nil)
	<-progress
	h.answer("read", nil)
	h.expect(t, "DeregisterTargets old", "RegisterTargets lost")
	h.answer("DeregisterTargets old", nil)
	h.answer("RegisterTargets lost", nil)
	for range 3 {
		<-progress
	}
	if c := asking(t, r, of("1", "2", "3", "lost")); c.Pending || len(h.sent) > 0 ||
		!maps.Equal(h.held, map[string]bool{"1": true, "2": true, "3": true, "lost": true}) {
		t.Errorf("%+v: %v", c, h.held)
	}
}

func TestInheritedTargetsWithoutTheRightToReadAreRegistered(t *testing.T) {
	t.Parallel()
	for code, sent := range map[string]bool{"AccessDenied": true, "Throttling": false, "RequestTimeout": false,
		"InternalFailure": false} {
		t.Run(code, func(t *testing.T) {
			t.Parallel()
			h := newHanging("1")
			r, _, progress := asyncRegistry(h, false)
			asking(t, r, of("1"))
			h.expect(t, "read")
			h.answer("read", &smithy.GenericAPIError{Code: code})
			if !sent {
				<-progress
				_, _ = r.sync(t.Context(), of("1"), false) // tells the failure
				_, _ = r.sync(t.Context(), of("1"), false)
				h.expect(t, "read") // again
				return
			}
			h.expect(t, "RegisterTargets 1")
		})
	}
}
