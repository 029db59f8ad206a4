package plan

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// TextOptions adjust the text form.
type TextOptions struct {
	Color bool // ANSI colours
	// Details are lines to show below a step, such as the settings of what it creates; nil = none.
	Details func(Step) []string
}

// mark is the sign and the colour of an action in the text.
type mark struct{ sign, color string }

var marks = map[Action]mark{
	Create:  {"+", "\x1b[32m"},
	Update:  {"~", "\x1b[33m"},
	Replace: {"±", "\x1b[35m"},
	Delete:  {"-", "\x1b[31m"},
	Await:   {"…", "\x1b[36m"},
}

// Text returns the plan for people: a line per step with its reason, further reasons below it, and a count at the
// end.
func (p *Plan) Text(o TextOptions) string {
	var b strings.Builder
	if p.Empty() && len(p.Withheld) == 0 {
		fmt.Fprintf(&b, "%s: nothing to do\n", p.Key)
		return b.String()
	}
	fmt.Fprintf(&b, "%s:\n", p.Key)
	whole := p.WholeGuard()
	waits := whole
	if waits == nil {
		waits = p.waits()
	}
	if waits != nil {
		fmt.Fprintf(&b, "  %s: %s\n  %s\n", headings[waits.Code], diag.Visible(waits.Text), diag.Visible(waits.Remedy))
	}
	r := rows{text: &b, color: o.Color}
	for _, s := range p.all() {
		r.wideName = max(r.wideName, len([]rune(resourceText(s.Resource))))
		r.wideOp = max(r.wideOp, len(NameOf(s.Op)))
	}
	blocked := map[StepID]StepID{} // steps that are not executed, and the refused step that they need
	for _, s := range p.Steps {
		reasons := s.Why
		for _, id := range s.Needs {
			if by := blocked[id]; by != "" {
				blocked[s.ID] = by
			}
		}
		switch {
		case s.Guard == nil && blocked[s.ID] != "":
			reasons = append([]string{fmt.Sprintf("BLOCKED: needs %s, which is refused", blocked[s.ID])}, reasons...)
		case s.Guard == nil || whole != nil:
		case waits != nil && s.Guard.Code == waits.Code:
			reasons = append([]string{"waits for its approval"}, reasons...)
		default:
			blocked[s.ID] = s.ID
			reasons = append([]string{"REFUSED: " + s.Guard.Text}, reasons...)
		}
		r.step(s, marks[s.Action], reasons)
		if o.Details != nil {
			for _, d := range o.Details(s) {
				fmt.Fprintf(&b, "      %s\n", diag.VisibleStyled(d))
			}
		}
	}
	for _, w := range p.Withheld {
		reasons := []string{w.Reason()}
		if why := w.Step.Why; len(why) > 0 {
			reasons = append([]string{w.Reason() + ": " + why[0]}, why[1:]...)
		}
		r.step(w.Step, mark{sign: "="}, reasons)
	}
	fmt.Fprintf(&b, "%s", p.Summary())
	if n := len(p.Withheld); n > 0 {
		fmt.Fprintf(&b, "; %d withheld", n)
	}
	b.WriteString("\n")
	return b.String()
}

// rows writes steps in columns.
type rows struct {
	text             *strings.Builder
	color            bool
	wideName, wideOp int
}

// step writes a step with its first reason, and the others below it.
func (r *rows) step(s Step, m mark, reasons []string) {
	on, off := "", ""
	if r.color && m.color != "" {
		on, off = m.color, "\x1b[0m"
	}
	first, others := "", reasons
	if len(reasons) > 0 {
		first, others = reasons[0], reasons[1:]
	}
	line := fmt.Sprintf("  %s%s %s%s  %s  %s", on, m.sign, pad(resourceText(s.Resource), r.wideName), off,
		pad(NameOf(s.Op), r.wideOp), diag.Visible(first))
	r.text.WriteString(strings.TrimRight(line, " ") + "\n")
	for _, why := range others {
		fmt.Fprintf(r.text, "    %s  %s  %s\n", pad("", r.wideName), pad("", r.wideOp), diag.Visible(why))
	}
}

// headings are the first words of the text of a plan that is refused as a whole, or that waits for an approval, by the
// code of the guard.
var headings = map[diag.Code]string{diag.PlanNotApproved: "NOT APPROVED", diag.OnlyObserved: "OBSERVED",
	diag.PlanOnHold: "ON HOLD", diag.TakeoverNotApproved: "NOT APPROVED"}

// waits returns the guard of the steps that wait for an approval while others are executed; nil = there is none.
func (p *Plan) waits() *Guard {
	for _, s := range p.Steps {
		if s.Guard != nil && s.Guard.Code == diag.TakeoverNotApproved {
			return s.Guard
		}
	}
	return nil
}

// WholeGuard returns the guard of all steps if the plan is refused as a whole; nil if a step has no guard or another
// one.
func (p *Plan) WholeGuard() *Guard {
	if len(p.Steps) == 0 || p.Steps[0].Guard == nil || headings[p.Steps[0].Guard.Code] == "" {
		return nil
	}
	first := p.Steps[0].Guard
	for _, s := range p.Steps {
		if s.Guard == nil || s.Guard.Code != first.Code {
			return nil
		}
	}
	return first
}

// all returns the steps, including withheld ones.
func (p *Plan) all() []Step {
	out := slices.Clone(p.Steps)
	for _, w := range p.Withheld {
		out = append(out, w.Step)
	}
	return out
}

// Plus returns the sum of both.
func (s Summary) Plus(o Summary) Summary {
	return Summary{s.Create + o.Create, s.Update + o.Update, s.Replace + o.Replace, s.Delete + o.Delete,
		s.Refused + o.Refused}
}

// String is "2 to create, 1 to change, 0 to replace, 0 to delete".
func (s Summary) String() string {
	out := fmt.Sprintf("%d to create, %d to change, %d to replace, %d to delete", s.Create, s.Update, s.Replace, s.Delete)
	if s.Refused > 0 {
		out += fmt.Sprintf("; %d of them refused", s.Refused)
	}
	return out
}

func resourceText(r stack.Ref) string {
	return diag.Visible(string(r.Kind) + " " + cmp.Or(r.ID, r.Literal))
}

func pad(s string, width int) string {
	return s + strings.Repeat(" ", max(0, width-len([]rune(s))))
}

// MarshalJSON writes a step with the name of its operation; plans are written for people and records, not read back.
func (s Step) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		ID        StepID    `json:"id"`
		Action    Action    `json:"action"`
		Resource  stack.Ref `json:"resource"`
		Operation string    `json:"operation"`
		Arguments arguments `json:"arguments"`
		Needs     []StepID  `json:"needs,omitempty"`
		After     []StepID  `json:"after,omitempty"`
		Lane      Lane      `json:"lane"`
		Why       []string  `json:"why,omitempty"`
		Guard     *Guard    `json:"guard,omitempty"`
		NotBefore time.Time `json:"notBefore,omitzero"`
	}{s.ID, s.Action, s.Resource, NameOf(s.Op), arguments{s.Op}, s.Needs, s.After, s.Lane, s.Why, s.Guard, s.NotBefore})
}
