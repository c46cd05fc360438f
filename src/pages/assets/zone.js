// The time zone of the person; without this script they choose it.
const { timeZone } = Intl.DateTimeFormat().resolvedOptions()
for (const select of document.querySelectorAll('select[data-zone]')) {
  const option = [...select.options].find(({ value }) => value === timeZone)
  if (option !== undefined && select.selectedIndex <= 0) option.selected = true
}
