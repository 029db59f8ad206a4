package chaos

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/k8s-lbc/lbc/awssim/gate"
	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
	"github.com/k8s-lbc/lbc/internal/lib/sample"
)

// refusedAs is how services refuse what a write says; the others answer ValidationError.
var refusedAs = map[string]string{
	"ec2": "InvalidParameterValue", "wafv2": "WAFInvalidParameterException", "shield": "InvalidParameterException",
	"acm": "ValidationException", "route53": "InvalidChangeBatch", "waf-regional": "WAFInvalidParameterException",
}

// repeatable are the writes that are sent again within minutes, and why.
var repeatable = map[string]string{
	"DeregisterTargets": "the same targets may be registered again meanwhile",
}

// secret are the writes of certificates with their keys. No checkpoint has anything derived from them.
var secret = map[string]bool{"ImportCertificate": true, "AddTagsToCertificate": true}

// refusedBudget is how often a write with the same content may be sent in each hour.
var refusedBudget = []int{4, 1, 1}

// TestEachRefusedWriteKeepsItsBudget has AWS refuse what each write of a varied cluster's life says, in each stage. The
// same write is sent after 2, 8 and 30 minutes, then once an hour. A start sends none.
func TestEachRefusedWriteKeepsItsBudget(t *testing.T) {
	t.Parallel()
	_, called := undisturbed(t)
	chosen := sample.OneOf(40)
	for _, permission := range called {
		service, action, _ := strings.Cut(permission, ":")
		if awsclient.IsRead(action) || repeatable[action] != "" || !chosen.Next() {
			continue
		}
		t.Run(permission, func(t *testing.T) {
			t.Parallel()
			l := lab.ManyLab(t, true)
			code := refusedAs[service]
			if code == "" {
				code = "ValidationError"
			}
			for n, stage := range lab.LifeOfMany {
				_, err := l.Sim.Gate.AddFault(gate.Fault{ID: fmt.Sprint("stage", n), Service: service, Action: action, Code: code,
					Message: "not like this", Status: 400})
				l.Must(err)
				stage.Does(l)
				sent := 0
				for hour, most := range refusedBudget {
					mark := l.Mark()
					l.ManyWait(time.Hour)
					again, last := repeated(l, service, action, mark)
					sent += again
					if again > most {
						t.Errorf("%s, hour %d: one write is sent %d times, want %d at most: %s", stage.Name, hour+1, again, most, last)
					}
				}
				if sent > 0 && !secret[action] {
					l.End()
					l.Restart()
					mark := l.Mark()
					l.ManyWait(time.Second)
					if again, last := repeated(l, service, action, mark); again > 0 {
						t.Errorf("%s: a start sends a refused write: %s", stage.Name, last)
					}
				}
				l.Sim.Gate.ClearFaults()
				l.ManyWait(2 * time.Hour)
			}
		})
	}
}

// repeated is how often the write that was refused most often was sent since a mark.
func repeated(l *lab.Lab, service, action string, mark uint64) (most int, write string) {
	by := map[string]int{}
	for _, c := range l.Sim.Gate.Calls(gate.Filter{After: mark}) {
		if c.Service != service || c.Action != action || !c.Failed() {
			continue
		}
		text, err := json.Marshal(c.Input)
		l.Must(err)
		if by[string(text)]++; by[string(text)] > most {
			most, write = by[string(text)], string(text)
		}
	}
	return most, write
}
