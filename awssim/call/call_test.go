package call

import (
	"context"
	"errors"
	"testing"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/gate"
)

type input struct{ Name string }

type output struct{ Name string }

func TestOnlyWritesThatSucceedAreAnnounced(t *testing.T) {
	t.Parallel()
	refused := errors.New("refused")
	greet := func(in *input) (*output, error) { return &output{"hello " + in.Name}, nil }
	refuse := func(*input) (*output, error) { return nil, refused }
	for _, tt := range []struct {
		name      string
		lose      bool // the answer, by a fault of the gate
		write     bool
		in        *input
		f         func(*input) (*output, error)
		err       error
		out       string
		announced int
	}{
		{name: "read", in: &input{"you"}, f: greet, out: "hello you"},
		{name: "write", write: true, in: &input{"you"}, f: greet, out: "hello you", announced: 1},
		{name: "write that is refused", write: true, in: &input{}, f: refuse, err: refused},
		{name: "write whose answer is lost", lose: true, write: true, in: &input{}, f: greet, err: gate.ErrDropped,
			announced: 1},
		{name: "no input", write: true, f: greet, out: "hello ", announced: 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			e := Entry{Service: "greeting", Account: &account.Account{}, Gate: gate.New(gate.Options{})}
			if tt.lose {
				if _, err := e.Gate.AddFault(gate.Fault{Service: "greeting", Action: "Greet", Lose: true}); err != nil {
					t.Fatal(err)
				}
			}
			announced := 0
			e.Account.OnChange(func() {
				e.Account.Lock() // free by now
				defer e.Account.Unlock()
				announced++
			})
			pass := Read[input, output]
			if tt.write {
				pass = Write[input, output]
			}
			out, err := pass(context.Background(), e, "Greet", tt.in, tt.f)
			if !errors.Is(err, tt.err) || err == nil && out.Name != tt.out {
				t.Errorf("got %v, %v", out, err)
			}
			if announced != tt.announced {
				t.Errorf("announced %d times, want %d", announced, tt.announced)
			}
			calls := e.Gate.Calls(gate.Filter{})
			if len(calls) != 1 || calls[0].Service != "greeting" || calls[0].Action != "Greet" {
				t.Errorf("recorded %v", calls)
			}
		})
	}
}

func TestOnlyMarkersLeadToAPage(t *testing.T) {
	t.Parallel()
	for _, last := range []string{"", "sg-1", "after:after:", "ü/?&+"} {
		if got, ok := After(*Marker(last)); !ok || got != last {
			t.Errorf("the marker of %q leads to %q, %v", last, got, ok)
		}
	}
	for _, marker := range []string{"", "x", "after:sg-1", "!", "c2ctMQ"} {
		if got, ok := After(marker); ok {
			t.Errorf("%q leads to %q", marker, got)
		}
	}
}
