package gate

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/k8s-lbc/lbc/awssim/apierr"
)

// Fault is a rule that breaks calls. The first fields select calls; an empty one selects all, and one that ends in "*"
// selects by prefix. Of the selected calls Skip pass, then Times are struck, each with the given probability. The first
// rule that strikes is the only one. In JSON the durations are strings such as "1.5s".
type Fault struct {
	ID       string `json:"id"`
	Service  string `json:"service,omitempty"`
	Action   string `json:"action,omitempty"`
	Caller   string `json:"caller,omitempty"`
	Resource string `json:"resource,omitempty"` // occurs in the parameters: an ARN, an id, a name

	Skip        int       `json:"skip,omitempty"`        // selected calls that pass first
	Times       int       `json:"times,omitempty"`       // calls to strike; 0: no end
	Probability float64   `json:"probability,omitempty"` // of each strike; 0 means 1
	From        time.Time `json:"from,omitzero"`         // on the simulator's clock
	Until       time.Time `json:"until,omitzero"`
	// For ends the rule so long after it struck first: a dependency that goes away, a key that was renewed.
	For time.Duration `json:"for,omitempty"`

	Latency time.Duration `json:"latency,omitempty"` // before the handler sees the call
	Kind    string        `json:"kind,omitempty"`    // refuse as the service does in this case, see Kinds
	Code    string        `json:"code,omitempty"`    // refuse with this AWS error code …
	Message string        `json:"message,omitempty"`
	Status  int           `json:"status,omitempty"` // … and HTTP status; 0 means 400
	Reset   bool          `json:"reset,omitempty"`  // cut the connection before anything happens
	Delay   time.Duration `json:"delay,omitempty"`  // after the effect, before the answer
	Lose    bool          `json:"lose,omitempty"`   // do it, then cut the connection instead of answering
	Stale   time.Duration `json:"stale,omitempty"`  // answer a read as up to this long ago
	Empty   bool          `json:"empty,omitempty"`  // answer a read with success, and with nothing in it
	// Partial answers a read with success, without every other item of its lists; of one item, nothing is left.
	Partial bool   `json:"partial,omitempty"`
	Drift   *Drift `json:"drift,omitempty"` // another caller makes this call just before
}

// Drift is a call of another caller: the account changes under the caller's hands.
type Drift struct {
	Service string          `json:"service"`
	Action  string          `json:"action"`
	Input   json.RawMessage `json:"input,omitempty"` // fields as the SDK's input struct names them
}

// Validate returns what is wrong with the rule, or nil.
func (f Fault) Validate() error {
	switch {
	case f.Probability < 0 || f.Probability > 1:
		return fmt.Errorf("fault %q: probability %v is not between 0 and 1", f.ID, f.Probability)
	case f.Skip < 0 || f.Times < 0:
		return fmt.Errorf("fault %q: skip and times must not be negative", f.ID)
	case f.Latency < 0 || f.Delay < 0 || f.Stale < 0 || f.For < 0:
		return fmt.Errorf("fault %q: latency, delay, stale and for must not be negative", f.ID)
	case f.Kind != "" && kinds[f.Kind] == nil:
		return fmt.Errorf("fault %q: kind %q does not exist, use one of %s", f.ID, f.Kind, strings.Join(Kinds(), ", "))
	case f.Kind != "" && f.Code != "":
		return fmt.Errorf("fault %q: give a kind or a code, not both", f.ID)
	case f.Drift != nil && (f.Drift.Service == "" || f.Drift.Action == ""):
		return fmt.Errorf("fault %q: drift needs a service and an action", f.ID)
	case f.Status != 0 && (f.Status < 400 || f.Status > 599):
		return fmt.Errorf("fault %q: status %d is not that of an error, use 400 to 599", f.ID, f.Status)
	case f.Status != 0 && f.Code == "":
		return fmt.Errorf("fault %q: status %d needs a code, such as InternalFailure", f.ID, f.Status)
	case !f.effective():
		return fmt.Errorf("fault %q does nothing: give a kind, code, latency, delay, stale, drift, reset, lose, partial "+
			"or empty",
			f.ID)
	}
	return nil
}

// effective reports whether the rule changes anything.
func (f Fault) effective() bool {
	return f.Kind+f.Code != "" || f.Latency != 0 || f.Delay != 0 || f.Stale != 0 || f.Reset || f.Lose || f.Empty ||
		f.Partial || f.Drift != nil
}

// refusal is the answer to a call of the service that the rule refuses.
func (f Fault) refusal(service string) error {
	if f.Kind != "" {
		e := *kinds[f.Kind](service)
		if f.Message != "" {
			e.Message = f.Message
		}
		return &e
	}
	status, message := f.Status, f.Message
	if status == 0 {
		status = http.StatusBadRequest
	}
	if message == "" {
		message = "fault rule " + f.ID + " of the simulator"
	}
	return apierr.WithStatus(status, f.Code, "%s", message)
}

// FaultStatus is a rule and what it has done.
type FaultStatus struct {
	Rule     Fault `json:"rule"`
	Selected int   `json:"selected"` // calls that it applied to
	Struck   int   `json:"struck"`
}

type faultState struct {
	Fault
	selected, struck int
	first            time.Time             // when it struck first
	memory           map[string]remembered // answers for stale reads
}

type remembered struct {
	at  time.Time
	out any
}

// AddFault adds a rule after the others, or replaces the one of the same id in its place with its counts at zero. A
// rule without an id gets one; the id is returned. The error is Validate's.
func (g *Gate) AddFault(f Fault) (string, error) {
	if err := f.Validate(); err != nil {
		return "", err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if f.ID == "" {
		g.sequence++
		f.ID = fmt.Sprintf("fault-%d", g.sequence)
	}
	s := &faultState{Fault: f, memory: map[string]remembered{}}
	if i := g.faultIndex(f.ID); i >= 0 {
		g.faults[i] = s
	} else {
		g.faults = append(g.faults, s)
	}
	return f.ID, nil
}

// RemoveFault removes a rule and reports whether there was one.
func (g *Gate) RemoveFault(id string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	i := g.faultIndex(id)
	if i < 0 {
		return false
	}
	g.faults = slices.Delete(g.faults, i, i+1)
	return true
}

// ClearFaults removes all rules.
func (g *Gate) ClearFaults() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.faults = nil
}

// Faults are the rules in their order.
func (g *Gate) Faults() []FaultStatus {
	g.mu.Lock()
	defer g.mu.Unlock()
	all := make([]FaultStatus, len(g.faults))
	for i, s := range g.faults {
		all[i] = FaultStatus{Rule: s.Fault, Selected: s.selected, Struck: s.struck}
	}
	return all
}

func (g *Gate) faultIndex(id string) int {
	return slices.IndexFunc(g.faults, func(s *faultState) bool { return s.ID == id })
}

// strike finds the rule that strikes the call; the zero rule does nothing. The lock is held.
func (g *Gate) strike(call *Call, in *parameters) Fault {
	for _, s := range g.faults {
		if !s.selects(call, in) {
			continue
		}
		s.selected++
		if s.selected <= s.Skip || (s.Times > 0 && s.struck >= s.Times) {
			continue
		}
		if s.For > 0 && s.struck > 0 && call.Time.Sub(s.first) >= s.For {
			continue
		}
		if s.Probability > 0 && s.Probability < 1 && g.random.Float64() >= s.Probability {
			continue
		}
		if s.struck == 0 {
			s.first = call.Time
		}
		s.struck++
		return s.Fault
	}
	return Fault{}
}

func (s *faultState) selects(call *Call, in *parameters) bool {
	return glob(s.Service, call.Service) && glob(s.Action, call.Action) && glob(s.Caller, call.Caller) &&
		!call.Time.Before(s.From) && (s.Until.IsZero() || call.Time.Before(s.Until)) &&
		(s.Resource == "" || bytes.Contains(in.json(), []byte(s.Resource)))
}

// remembered is the answer that a stale read of at most the given age gets.
func (g *Gate) remembered(fault string, age time.Duration, call *Call, in *parameters) (any, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	i := g.faultIndex(fault)
	if i < 0 {
		return nil, false
	}
	m, ok := g.faults[i].memory[memoryKey(call, in)]
	if !ok || call.Time.Sub(m.at) >= age {
		return nil, false
	}
	return m.out, true
}

func (g *Gate) remember(fault string, call *Call, in *parameters, out any) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if i := g.faultIndex(fault); i >= 0 {
		g.faults[i].memory[memoryKey(call, in)] = remembered{at: call.Time, out: out}
	}
}

func memoryKey(call *Call, in *parameters) string {
	return call.Service + " " + call.Action + " " + string(in.json())
}
