package webacl

import (
	"net/http"
	"net/netip"
	"testing"
)

func TestStatementsMatchAsTheyAreJoined(t *testing.T) {
	t.Parallel()
	set := &AddressSet{}
	set.Set([]netip.Prefix{netip.MustParsePrefix("203.0.113.0/24"), netip.MustParsePrefix("2001:db8::/32")})
	path := func(p Position, text string, transforms ...string) Bytes {
		s := Bytes{Part: Path, Position: p, Text: text}
		for _, name := range transforms {
			f, ok := Transform(name)
			if !ok {
				t.Fatalf("no transformation %s", name)
			}
			s.Transforms = append(s.Transforms, f)
		}
		return s
	}
	r := &Request{
		Client: netip.MustParseAddr("203.0.113.7"), Method: "GET", Path: "/Blocked%2Fx", Query: "a=evil_bot&b=evil",
		Host:   "www.example.com",
		Header: http.Header{"User-Agent": {"curl/8   (evil)"}},
	}
	isYes, isNo := path(StartsWith, "/"), path(Exactly, "/")
	for _, tt := range []struct {
		name string
		s    Statement
		want bool
	}{
		{"exactly", path(Exactly, "/Blocked%2Fx"), true},
		{"exactly, another case", path(Exactly, "/blocked%2fx"), false},
		{"lower case", path(Exactly, "/blocked%2fx", "LOWERCASE"), true},
		{"decoded then lower case", path(Exactly, "/blocked/x", "URL_DECODE", "LOWERCASE"), true},
		{"starts with", path(StartsWith, "/Blocked"), true},
		{"ends with", path(EndsWith, "Fx"), true},
		{"ends with something else", path(EndsWith, "Bl"), false},
		{"contains", path(Contains, "ocked"), true},
		{"contains as a word", Bytes{Part: Query, Position: ContainsWord, Text: "evil"}, true},
		{"contains, but not as a word", Bytes{Part: Query, Position: ContainsWord, Text: "bot"}, false},
		{"a word before a letter", Bytes{Part: Query, Position: ContainsWord, Text: "evi"}, false},
		{"a word after a letter", Bytes{Part: Query, Position: ContainsWord, Text: "il_bot"}, false},
		{"a word that comes again as one", Bytes{Part: Query, Position: ContainsWord, Text: "b"}, true},
		{"method", Bytes{Part: Method, Text: "GET"}, true},
		{"header, in any case", Bytes{Part: Header, Name: "user-AGENT", Position: StartsWith, Text: "curl"}, true},
		{"header that is not there", Bytes{Part: Header, Name: "X-None", Position: Contains, Text: "a"}, false},
		{"host", Bytes{Part: Header, Name: "Host", Text: "www.example.com"}, true},
		{"white space", Bytes{Part: Header, Name: "User-Agent", Text: "curl/8 (evil)", Transforms: []func(string) string{
			compressSpace}}, true},
		{"address", From{set}, true},
		{"not", Not{From{set}}, false},
		{"all", All{isYes, From{set}}, true},
		{"all but one", All{isYes, isNo}, false},
		{"any", Any{isNo, isYes}, true},
		{"none", Any{isNo, Not{isYes}}, false},
		{"unknown", Unknown{}, false},
		{"not unknown", Not{Unknown{}}, false},
		{"unknown and true", All{isYes, Unknown{}}, false},
		{"not (unknown and false)", Not{All{Unknown{}, isNo}}, true},
		{"unknown or true", Any{Unknown{}, isYes}, true},
		{"not (unknown or false)", Not{Any{Unknown{}, isNo}}, false},
	} {
		if got := tt.s.match(r) == yes; got != tt.want {
			t.Errorf("%s: got %t", tt.name, got)
		}
	}
}

func TestTheFirstMatchingRuleThatDoesNotCountDecides(t *testing.T) {
	t.Parallel()
	blocked := &Response{Status: 418}
	a := &ACL{
		Default: Action{Kind: Block},
		Rules: []Rule{
			{"counts", Bytes{Position: StartsWith, Text: "/"}, Action{Kind: Count}},
			{"health", Bytes{Text: "/health"}, Action{Kind: Allow}},
			{"tea", Bytes{Position: StartsWith, Text: "/h"}, Action{Block, blocked}},
		},
	}
	for path, want := range map[string]struct {
		action Action
		rule   string
	}{
		"/health": {Action{Kind: Allow}, "health"},
		"/hot":    {Action{Block, blocked}, "tea"},
		"/":       {Action{Kind: Block}, ""},
	} {
		action, rule := a.Decide(&Request{Path: path})
		if action != want.action || rule != want.rule {
			t.Errorf("%s: %v by %q", path, action, rule)
		}
	}
}

func TestAnAddressSetChangesUnderItsRules(t *testing.T) {
	t.Parallel()
	set := &AddressSet{}
	r := &Request{Client: netip.MustParseAddr("::ffff:192.0.2.1")}
	if (From{set}).match(r) == yes {
		t.Error("an empty set contains an address")
	}
	set.Set([]netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")})
	if (From{set}).match(r) != yes {
		t.Error("the set does not contain what was put in")
	}
}

func TestWordsEndAtPunctuation(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]bool{
		// next to the bounds of each range
		"evil": true, "-evil-": true, "/evil/": true, "@evil[": true, "`evil{": true, "/evil:": true, "\xffevil\xff": true,
		"evil_": false, "_evil": false, "evil0": false, "evil9": false, "evila": false, "evilz": false, "evilA": false,
		"evilZ": false, "0evil": false, "zevil": false,
		"evilevil": false, "evila evil": true, "evi": false, "": false,
	} {
		if got := containsWord(in, "evil"); got != want {
			t.Errorf("%q: got %t", in, got)
		}
	}
}

func TestTransformations(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, in, want string }{
		{"NONE", "/A%20b", "/A%20b"},
		{"LOWERCASE", "/A%2Fb", "/a%2fb"},
		{"URL_DECODE", "a%20b+c%2", "a b c%2"},
		{"URL_DECODE", "%zz%4", "%zz%4"},
		{"URL_DECODE", "end%41", "endA"},
		{"URL_DECODE", "%", "%"},
		{"COMPRESS_WHITE_SPACE", " a \t\n\r\v\f\u00a0b\tc\nd\re\vf\fg ", " a \xc2 b c d e f g "},
	} {
		f, ok := Transform(tt.name)
		if !ok {
			t.Fatalf("no transformation %s", tt.name)
		}
		if got := f(tt.in); got != tt.want {
			t.Errorf("%s of %q: got %q, want %q", tt.name, tt.in, got, tt.want)
		}
	}
	if _, ok := Transform("MD5"); ok {
		t.Error("a transformation that is not simulated is reported as one that is")
	}
}
