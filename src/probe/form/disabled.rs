//! Which controls are disabled: by themselves, or by a fieldset around them.

use std::collections::HashSet;

use ego_tree::NodeId;
use ego_tree::iter::Edge;
use scraper::{ElementRef, Html};

use super::Dom;

/// Disabled itself, or in a disabled fieldset outside that fieldset's first legend.
pub(super) fn is_disabled(dom: &Dom, control: ElementRef<'_>) -> bool {
    control.attr("disabled").is_some() || dom.barred().contains(&control.id())
}

/// A disabled fieldset that a walk is within.
struct Fieldset {
    id: NodeId,
    /// Its first legend, once the walk has come to it.
    legend: Option<NodeId>,
    is_in_legend: bool,
}

/// Every element that disabled fieldsets disable, in one walk over the page.
pub(super) fn barred(page: &Html) -> HashSet<NodeId> {
    let mut barred = HashSet::new();
    let mut fieldsets: Vec<Fieldset> = Vec::new();
    // Those whose legend the walk is not in.
    let mut barring = 0_usize;
    for edge in page.tree.root().traverse() {
        match edge {
            Edge::Open(node) => {
                let Some(element) = ElementRef::wrap(node) else {
                    continue;
                };
                let parent = node.parent().map(|parent| parent.id());
                if let Some(innermost) = fieldsets.last_mut()
                    && element.value().name() == "legend"
                    && innermost.legend.is_none()
                    && parent == Some(innermost.id)
                {
                    innermost.legend = Some(node.id());
                    innermost.is_in_legend = true;
                    barring -= 1;
                }
                if barring > 0 {
                    barred.insert(node.id());
                }
                if element.value().name() == "fieldset" && element.attr("disabled").is_some() {
                    barring += 1;
                    fieldsets.push(Fieldset {
                        id: node.id(),
                        legend: None,
                        is_in_legend: false,
                    });
                }
            }
            Edge::Close(node) => {
                let Some(innermost) = fieldsets.last_mut() else {
                    continue;
                };
                if innermost.is_in_legend && innermost.legend == Some(node.id()) {
                    innermost.is_in_legend = false;
                    barring += 1;
                }
                if innermost.id == node.id() {
                    fieldsets.pop();
                    barring -= 1;
                }
            }
        }
    }
    barred
}
